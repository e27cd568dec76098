"""`python -m benchmarks.sentiment compare` and `train`: the numbers of docs/sentiment.md, anew."""

import argparse
import time
from pathlib import Path

from benchmarks.sentiment import measures
from benchmarks.sentiment.data import (
    GROUPED,
    PLAIN,
    SHIPPED,
    Part,
    read_newswire,
    read_parts,
    read_sentences,
)
from benchmarks.sentiment.scorers import Answers, Scorer, scorers

_HEAD = f"{'scorer':30}{'acc.':>7}{'F1':>7}{'neg.':>7}{'neut.':>7}{'pos.':>7}{'ECE':>7}{'/s':>8}"


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sentiment", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    comparing = commands.add_parser("compare", help="measure every scorer on what was kept aside")
    training = commands.add_parser("train", help="train the shipped model anew (extra: train)")
    for one in (comparing, training):
        one.add_argument("--labelled", type=Path, required=True, help="the file, or its folder")
    comparing.add_argument(
        "--split",
        choices=(GROUPED, PLAIN),
        default=GROUPED,
        help="keep near-identical headlines together (the stricter), or deal each by itself",
    )
    comparing.add_argument(
        "--sentences",
        type=Path,
        help="also measure on a file of your own: a sentence a line, its label behind the last @",
    )
    training.add_argument("--out", type=Path, required=True, help="the weights file to write")
    training.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    for path in (asked.labelled, getattr(asked, "sentences", None)):
        if path is not None and not path.exists():
            parser.error(f"{path}: there is no such file")
    if asked.command == "compare":
        compare(asked.labelled, asked.split, asked.sentences)
    else:
        train(asked.labelled, asked.out, asked.threads)


def compare(labelled: Path, split: str, sentences: Path | None = None) -> None:
    """Print a table for each set, and the reliability of the shipped model."""
    parts, (choosing, aside) = read_parts(labelled, split), read_newswire()
    print(
        f"{len(parts.train)} headlines to train, {len(parts.validation)} to choose, "
        f"{len(parts.aside)} kept aside; {parts.repeats} near-identical ones are "
        f"{'kept together' if split == GROUPED else 'dealt as any other'}\n"
    )
    sets = {
        "Headlines kept aside": parts.aside,
        "Our newswire, chosen on": choosing,
        "Our newswire, kept aside": aside,
    }
    if sentences is not None:
        sets[f"Sentences of {sentences.name}"] = read_sentences(sentences)
    compared = scorers(parts.train)
    for title, part in sets.items():
        print(f"{title}: {len(part)}\n{_HEAD}")
        for name, scorer in compared.items():
            scorer(part.texts[:1])
            start = time.process_time()
            answers = scorer(part.texts)
            _print_row(name, part, answers, len(part) / (time.process_time() - start))
        print()
    _print_reliability(sets, answers_of=compared[list(compared)[-1]])


def train(labelled: Path, out: Path, threads: int) -> None:
    """Train, calibrate and write the weights; print the version to put into version.py."""
    import torch

    from benchmarks.sentiment import export, training
    from benchmarks.sentiment.torch_encoder import predicted

    torch.set_num_threads(threads)
    parts, recipe = read_parts(labelled, SHIPPED), training.Recipe()
    model = training.taught_in_rounds(recipe, parts.train, print)
    numbers = training.piece_numbers()
    rows = [numbers(text) for text in parts.validation.texts]
    calibration = training.calibrated(predicted(model, rows), parts.validation.labels)
    weights = export.weights_file(model, calibration)
    export.write(weights, out)
    print(f"{out}: {len(weights) / 1e6:.1f} MB, {export.version_of(weights)}; {calibration}")


def _print_row(name: str, part: Part, answers: Answers, speed: float) -> None:
    right = part.labels == answers.labels
    error = "-"
    if answers.confidence is not None:
        error = f"{measures.calibration_error(right, answers.confidence):.3f}"
    numbers = (
        measures.accuracy(part.labels, answers.labels),
        measures.macro_f1(part.labels, answers.labels),
        *measures.f1_by_class(part.labels, answers.labels),
    )
    cells = "".join(f"{number:7.3f}" for number in numbers)
    print(f"{name:30}{cells}{error:>7}{speed:8.0f}")


def _print_reliability(sets: dict[str, Part], answers_of: Scorer) -> None:
    for title, part in sets.items():
        answers = answers_of(part.texts)
        print(f"{title}: confidence, headlines, mean confidence, right")
        assert answers.confidence is not None
        for one in measures.reliability(part.labels == answers.labels, answers.confidence):
            print(f"from {one.start:.1f}{one.count:8}{one.confidence:8.3f}{one.right:8.3f}")
        print()


if __name__ == "__main__":
    main()
