"""`target.options` of this target: few, each checked and documented here."""

from __future__ import annotations

from shardwright.core.target_options import Option

__all__ = ["OPTIONS"]

OPTIONS = {
    "progressDeadlineSeconds": Option(
        "seconds after which an update without progress is reported as failed",
        kind="count",
        default="the time a start may take, and room to pull the image and fetch the model",
    ),
    "queue": Option("LocalQueue of Kueue that admits the pods"),
    "manager": Option(
        "service account, as NAME or NAMESPACE:NAME, that is given the rights to apply and watch the deployment"
    ),
}
"""What each takes."""
