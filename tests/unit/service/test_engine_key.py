"""The key that a proof asks with, where an apply makes the Secret of it."""

from __future__ import annotations

from shardwright.core.recipe.model import Auth, KeyRef
from shardwright.kubernetes.live.secret_keys import SecretValue
from shardwright.service import secret_giving
from shardwright.testing import builders

GIVEN = tuple(
    SecretValue(name=name, key=key, variable="V", value=value)
    for name, key, value in (("hub", "token", b"one"), ("api", "other", b"two"), ("api", "key", b"three"))
)


def test_the_key_of_the_engine_is_the_one_that_the_recipe_names() -> None:
    """By Secret and key; none where the recipe names another or wants no key, or none is given."""
    keyed = builders.recipe(expose={"auth": Auth(api_key=KeyRef(secret="api", key="key"))})
    assert secret_giving.engine_key(keyed, GIVEN) == "three"
    assert secret_giving.engine_key(keyed, GIVEN[:2]) == ""
    assert secret_giving.engine_key(builders.recipe(), GIVEN) == ""
    assert "three" not in repr(GIVEN)
