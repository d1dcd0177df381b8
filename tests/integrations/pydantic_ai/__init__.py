import pytest

for _clauses in "primitives", "saving", "branching", "contract":
    pytest.register_assert_rewrite(f"{__name__}.{_clauses}")
