"""A helper of a local step: it may work on data frames, as nothing else uses it."""

import pandas as pd


def middle(rows: pd.DataFrame) -> pd.DataFrame:
    found = rows.groupby("origin")["dep_delay"].median()
    return pd.DataFrame({"origin": found.index, "middle": found.to_numpy()})
