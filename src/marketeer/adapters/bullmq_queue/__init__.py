"""BullMQ on Redis: the queue of many workers, their doorbell, and the connection both stand on.

Importing it costs a quarter of a second, so only who works with Redis does.
"""

from marketeer.adapters.bullmq_queue.doorbell import RedisDoorbell
from marketeer.adapters.bullmq_queue.link import RedisLink
from marketeer.adapters.bullmq_queue.queue import BullmqQueue

__all__ = ["BullmqQueue", "RedisDoorbell", "RedisLink"]
