"""How well the rules on bars tell bad ones from good ones."""
