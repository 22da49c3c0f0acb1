"""What the walk through all orders has found: one plain story for each."""

import pytest
from tests.activations.desk import begin
from tests.activations.drive import cancel

pytestmark = pytest.mark.filterwarnings("ignore:.*TMPRL1102")


@pytest.mark.parametrize(("stage", "order"), [(None, "acquire"), ("canary-10", "enter"), ("live", "settle")])
def test_a_cancel_request_withdraws_the_order_under_way(stage: str | None, order: str) -> None:
    """Left to itself it is tried again for ever, while the way down takes away what it gives."""
    desk = begin(stage).until(lambda run: run.opened(order) is not None)
    issued = desk.feed(cancel())
    assert f"cancel {order}" in issued
    assert desk.run.state.stop is not None
