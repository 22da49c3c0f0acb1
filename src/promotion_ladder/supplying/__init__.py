"""What a platform lacks of lease, epoch, keys and latch, supplied beside it (docs/platform-contract.md).

:class:`~promotion_ladder.supplying.platform.Supplied` is a platform made of another one and of a
:class:`~promotion_ladder.supplying.ledger.Ledger`; its :class:`~promotion_ladder.supplying.keeping.Keeper` does what
nobody asks for: it takes exposure back whose lease ran out, and keeps what is latched from entering anything.
"""

from promotion_ladder.supplying.clock import Clock
from promotion_ladder.supplying.keeping import Keeper
from promotion_ladder.supplying.ledger import Ledger
from promotion_ladder.supplying.platform import Supplied

__all__ = ["Clock", "Keeper", "Ledger", "Supplied"]
