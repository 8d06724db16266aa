import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def _():
    import ibis
    import marimo as mo
    import workbench as wb
    return


@app.cell
def _():
    import pandas as pd
    return


@app.cell
def _():
    flights = wb.source("flights")
    back = wb.param("back", 3, ge=1, le=7, doc="days to look back")
    return


@app.cell
def _():
    SMOOTHED = ["dep_delay"]

    def rolled(frame, days):
        # Each day is the mean of the days before it.
        return frame.rolling(days, min_periods=1).mean().round(6)

    @wb.local(schema={"day": "date", "origin": "string", "smooth": "float64"}, max_rows=10_000)
    def smooth(daily: pd.DataFrame, days: int) -> pd.DataFrame:
        """A rolling mean for each airport."""
        daily = daily.sort_values(["origin", "day"]).copy()
        daily["smooth"] = daily.groupby("origin")[SMOOTHED[0]].transform(rolled, days=days)
        return daily[["day", "origin", "smooth"]]
    return


@app.cell
def _():
    daily = flights.group_by("day", "origin").agg(dep_delay=flights.dep_delay.mean())
    daily.to_pandas()
    return


@app.cell
def _():
    calm = wb.output("calm_days", smooth(daily, days=back.value).filter(ibis._.smooth < 100), key=["day", "origin"])
    return


@app.cell
def _():
    calm
    return


if __name__ == "__main__":
    app.run()
