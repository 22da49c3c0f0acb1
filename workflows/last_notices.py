"""What a promotion could not tell before it ended: told for as long as a week, while the bot's lock is free."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from promotion_ladder import contracts
    from promotion_ladder.activities.notification import NotificationActivities
    from promotion_ladder.core.card import Telling
    from promotion_ladder.workflows.options import NOTIFY_LATE


@workflow.defn(name=contracts.LAST_NOTICES)
class LastNotices:
    """The last notices of one promotion, in order."""

    @workflow.run
    async def run(self, tellings: list[Telling]) -> None:
        """Tell each until a channel took it."""
        for telling in tellings:
            await workflow.execute_activity_method(
                NotificationActivities.notify, telling, summary=f"notice: {telling.notice.title}"[:190], **NOTIFY_LATE
            )
