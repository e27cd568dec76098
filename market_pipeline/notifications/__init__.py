"""How messages leave: the channels people and systems listen on, and the relay that serves them.

Belongs here: the wire, its deadlines, and that no address ever shows. Does not: what is told
(`domain`), where messages wait (`warehouse.notices`).
"""

from market_pipeline.notifications.channels import Channel, channels_of
from market_pipeline.notifications.relay import Notifications, relay

__all__ = ["Channel", "Notifications", "channels_of", "relay"]
