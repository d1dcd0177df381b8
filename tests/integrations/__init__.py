import pytest

for _contract in "conversation_contract", "session_contract":
    pytest.register_assert_rewrite(f"{__name__}.{_contract}")
