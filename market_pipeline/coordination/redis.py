"""Coordination for processes on any number of machines, in one Redis.

Every call answers or fails within a second: what to do then is `failover`'s. Redis may forget
(restart, FLUSHALL, expiry), so a lease is a hint; its token is what a writer is fenced by. The
URL may hold a password: it is read once and never kept, shown or logged.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import redis
from pyrate_limiter import Rate, RedisBucket
from pyrate_limiter.buckets.redis_bucket import LuaScript
from redis.backoff import NoBackoff
from redis.retry import Retry

from market_pipeline.coordination.breakers import BreakerRecord, SharedBreaker
from market_pipeline.coordination.quotas import SharedQuota
from market_pipeline.coordination.rates import (
    WALL_PACE,
    Pace,
    SharedRateBucket,
    rate_of,
    reserve,
)
from market_pipeline.domain.errors import ConfigurationError
from market_pipeline.domain.ports import Breaker, BreakerRule, Clock, Lease, Quota, RateBucket

UNREACHABLE = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
)
"""Errors that mean: this Redis cannot serve now. Any other error of it is a bug of ours."""
REFUSED = redis.exceptions.ResponseError
"""Redis answered that it will not; see `of_settings`."""

_TIMEOUT_S = 0.4

_RESERVE = (
    """
    -- Runs before pyrate-limiter's script, which counts entries up to the caller's instant only.
    -- Later ones exist: reserved slots, and entries of callers who read the clock after this one
    -- and were faster. Counting up to the newest of all lets nobody slip in between.
    local newest = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
    local interval = ARGV[1] - ARGV[5]
    if newest and tonumber(newest) > tonumber(ARGV[1]) then
        ARGV[1] = newest
    end
    -- Only the newest `limit` entries matter, and none once the newest left its window.
    redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[6])
    redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', ARGV[1] + 2 * interval + 60000))
    """
    + LuaScript.PUT_ITEM
)
_RESERVE_SHA = hashlib.sha1(_RESERVE.encode(), usedforsecurity=False).hexdigest()

_ACQUIRE = """
    local held = redis.call('GET', KEYS[1])
    if held and string.match(held, '^%d+:(.*)$') ~= ARGV[1] then
        return false
    end
    local token = math.max((redis.call('GET', KEYS[2]) or 0) + 1, tonumber(ARGV[3]))
    local text = string.format('%.0f', token)
    redis.call('SET', KEYS[2], text)
    redis.call('SET', KEYS[1], text .. ':' .. ARGV[1], 'PX', ARGV[2])
    return text
"""
_RENEW = """
    local held = redis.call('GET', KEYS[1])
    if held == ARGV[2] .. ':' .. ARGV[1] then
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        return 1
    end
    -- This Redis never saw the token (it forgot, or the lease is from a local file) and nobody
    -- took the lock since: take it over.
    if not held and tonumber(redis.call('GET', KEYS[2]) or 0) < tonumber(ARGV[2]) then
        redis.call('SET', KEYS[2], ARGV[2])
        redis.call('SET', KEYS[1], ARGV[2] .. ':' .. ARGV[1], 'PX', ARGV[3])
        return 1
    end
    return 0
"""
_RELEASE = """
    if redis.call('GET', KEYS[1]) == ARGV[2] .. ':' .. ARGV[1] then
        redis.call('DEL', KEYS[1])
    end
    return 0
"""

_INCREMENT = """
    local is_new = redis.call('EXISTS', KEYS[1]) == 0
    redis.call('INCRBY', KEYS[1], ARGV[1])
    if is_new and ARGV[2] ~= '' then
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
    end
    -- As text: a Lua number keeps 53 bits only, and so would the answer.
    return redis.call('GET', KEYS[1])
"""


_RAISE_TO = """
    local held = redis.call('GET', KEYS[1])
    if held and tonumber(held) >= tonumber(ARGV[1]) then
        return held
    end
    redis.call('SET', KEYS[1], ARGV[1], 'KEEPTTL')
    if not held and ARGV[2] ~= '' then
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
    end
    return ARGV[1]
"""

_ADD_OUTCOME = """
    local recent = (redis.call('HGET', KEYS[1], 'recent') or '') .. ARGV[1]
    recent = string.sub(recent, -tonumber(ARGV[2]))
    redis.call('HSET', KEYS[1], 'recent', recent)
    return recent
"""


class RedisCoordination:
    """The `Coordination` port on Redis. Raises one of `UNREACHABLE` when it cannot be served.

    Rates run on Redis's own clock, or by `pace` where one is given.
    """

    kind = "redis"

    def __init__(
        self,
        url: str,
        clock: Clock,
        prefix: str = "market_pipeline:",
        pace: Pace | None = None,
    ) -> None:
        self._client, self._clock, self._prefix = _client(url), clock, prefix
        self._pace = pace
        self._acquire = self._client.register_script(_ACQUIRE)
        self._renew = self._client.register_script(_RENEW)
        self._release = self._client.register_script(_RELEASE)
        self._increment = self._client.register_script(_INCREMENT)
        self._raise_to = self._client.register_script(_RAISE_TO)

    def __repr__(self) -> str:
        place = self._client.connection_pool.connection_kwargs
        return f"RedisCoordination({place.get('host', 'socket')}:{place.get('port', '')})"

    def rate_bucket(self, name: str, limit: int, per_s: float) -> RateBucket:
        """Give the bucket `name`: at most `limit` slots in any `per_s` seconds; one rate a name."""
        rate = rate_of(name, limit, per_s)
        bucket = _RedisRate(self._client, self._key("rate", name), name, rate, self._pace)
        return SharedRateBucket(bucket.reserve_within, self._pace or WALL_PACE)

    def quota(self, name: str, per_day: int, time_zone: str = "UTC") -> Quota:
        """Give the quota `name`: `per_day` requests a calendar day of `time_zone`."""
        return SharedQuota(name, per_day, time_zone, self._clock, self)

    def breaker(self, name: str, rule: BreakerRule) -> Breaker:
        """Give the breaker `name`, opening and closing by `rule`."""
        return SharedBreaker(name, rule, self.breaker_fields(name), self)

    def breaker_fields(self, name: str) -> "_RedisBreakerFields":
        """Give what the breaker `name` remembers."""
        return _RedisBreakerFields(self._client, self._key("circuit", name))

    def acquire_lease(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        """Take the lock `name`, or None while another owner holds it.

        Tokens as in `LocalCoordination.acquire_lease`. Redis's own clock ends the lease;
        `expires_at` is the same instant by the caller's clock.
        """
        now = self._clock()
        token = self._acquire(
            keys=self._lease_keys(name), args=[owner, _ms(ttl_s), int(now.timestamp() * 1000)]
        )
        return None if token is None else Lease(name, owner, int(token), _after(now, ttl_s))

    def renew_lease(self, lease: Lease, ttl_s: float) -> Lease | None:
        """Extend a held lock to `ttl_s` from now; None when it expired or another took it."""
        now = self._clock()
        if lease.expires_at <= now:
            return None
        is_held = self._renew(
            keys=self._lease_keys(lease.name), args=[lease.owner, lease.token, _ms(ttl_s)]
        )
        return Lease(lease.name, lease.owner, lease.token, _after(now, ttl_s)) if is_held else None

    def release_lease(self, lease: Lease) -> None:
        """Give the lock up; the token stays, so that the next holder's is greater."""
        self._release(keys=self._lease_keys(lease.name), args=[lease.owner, lease.token])

    def put(self, key: str, value: str, ttl_s: float | None = None) -> None:
        """Keep `value` under `key` for `ttl_s` seconds, or until it is replaced."""
        self._client.set(self._key("entry", key), value, px=None if ttl_s is None else _ms(ttl_s))

    def get(self, key: str) -> str | None:
        """Return the value under `key`, None when there is none or it expired."""
        value: str | None = self._client.get(self._key("entry", key))
        return value

    def delete(self, keys: Sequence[str]) -> int:
        """Forget the values under `keys`; give how many there were."""
        names = [self._key("entry", key) for key in dict.fromkeys(keys)]
        return int(self._client.delete(*names)) if names else 0

    def increment(self, key: str, by: int = 1, ttl_s: float | None = None) -> int:
        """Add `by` to the whole number under `key`, atomically; `ttl_s` begins with the first.

        Raises ValueError where the value is no whole number.
        """
        try:
            total = self._increment(
                keys=[self._key("entry", key)], args=[by, "" if ttl_s is None else _ms(ttl_s)]
            )
        except redis.exceptions.ResponseError as error:
            if "not an integer" not in str(error):
                raise
            raise ValueError(f"the value under {key} is no whole number") from None
        return int(total)

    def raise_to(self, key: str, least: int, ttl_s: float | None = None) -> int:
        """Make the whole number under `key` at least `least`, atomically, and give it."""
        ttl_ms = "" if ttl_s is None else _ms(ttl_s)
        return int(self._raise_to(keys=[self._key("entry", key)], args=[least, ttl_ms]))

    def purge_expired(self) -> int:
        """Do nothing: Redis takes expired values away by itself."""
        return 0

    def close(self) -> None:
        """Close the connections; the next use opens new ones."""
        self._client.close()

    def _key(self, kind: str, name: str) -> str:
        return f"{self._prefix}{kind}:{name}"

    def _lease_keys(self, name: str) -> list[str]:
        return [self._key("lease", name), self._key("lease-token", name)]


def _client(url: str) -> Any:  # redis-py types every answer as "or awaitable": of no use here
    try:
        return redis.Redis.from_url(
            url,
            decode_responses=True,
            protocol=2,  # no push messages: they may stretch the time-outs below
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            # None: a pooled connection that the server closed is replaced when it is taken out.
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError:
        # The library's message may quote a piece of the password, so it is not chained.
        raise ConfigurationError(
            "the Redis URL cannot be read: it must look like redis://[user:password@]host:port/0, "
            "with special characters of the password percent-encoded"
        ) from None


def of_settings(refusal: redis.exceptions.ResponseError) -> Exception:
    """Give the error in the words of the setting where that is at fault, else as it is."""
    if "DB index is out of range" not in str(refusal):
        return refusal
    return ConfigurationError(
        "MARKET_PIPELINE_REDIS_URL ends in the number of a database that this Redis does not have; "
        "0 is always there"
    )


def _ms(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _after(now: datetime, ttl_s: float) -> datetime:
    return now + timedelta(seconds=ttl_s)


class _ServerTimeBucket(RedisBucket):
    """pyrate-limiter's Redis bucket on Redis's clock, for the clocks of machines differ."""

    def __init__(self, rate: Rate, client: Any, key: str, pace: Pace | None) -> None:
        super().__init__([rate], client, key, _RESERVE_SHA)
        self._pace = pace

    def now(self) -> int:
        if self._pace is not None:
            return self._pace.now_ms()
        client: Any = self.redis  # typed for both its blocking and its awaitable form
        seconds, microseconds = client.time()
        return int(seconds) * 1000 + int(microseconds) // 1000


class _RedisRate:
    """One rate's log: a sorted set that expires when idle."""

    def __init__(self, client: Any, key: str, name: str, rate: Rate, pace: Pace | None) -> None:
        self._client, self._key, self._name, self._rate = client, key, name, rate
        self._pace = pace

    def reserve_within(self, timeout_s: float) -> float:
        """Reserve the first free slot; return the seconds until it begins."""
        # A bucket object remembers its last verdict: one for each call keeps threads apart.
        bucket = _ServerTimeBucket(self._rate, self._client, self._key, self._pace)
        try:
            return reserve(bucket, self._name, timeout_s)
        except redis.exceptions.NoScriptError:  # first use, or Redis was restarted
            self._client.script_load(_RESERVE)
            return reserve(bucket, self._name, timeout_s)


class _RedisBreakerFields:
    """One breaker's hash; a missing one is a closed breaker that never failed."""

    def __init__(self, client: Any, key: str) -> None:
        self._client, self._key = client, key

    def read(self) -> BreakerRecord:
        fields = self._client.hgetall(self._key)
        opened_s = fields.get("opened_at")
        return BreakerRecord(
            state=fields.get("state", BreakerRecord().state),
            recent=fields.get("recent", ""),
            opened_at=None if opened_s is None else datetime.fromtimestamp(float(opened_s), UTC),
        )

    def set_state(self, state: str) -> None:
        self._client.hset(self._key, "state", state)

    def set_opened_at(self, opened_at: datetime) -> None:
        self._client.hset(self._key, "opened_at", repr(opened_at.timestamp()))

    def clear_outcomes(self) -> None:
        self._client.hset(self._key, "recent", "")

    def add_outcome(self, outcome: str, window: int) -> str:
        return str(self._client.register_script(_ADD_OUTCOME)([self._key], [outcome, window]))
