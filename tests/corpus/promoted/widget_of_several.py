import marimo

__generated_with = "0.25.2"
app = marimo.App()

with app.setup:
    import ibis
    import marimo as mo
    import workbench as wb


@app.cell
def _():
    carriers = mo.ui.multiselect(["UA", "AA", "B6"], value=["AA", "UA"], label="carriers that count")
    months = mo.ui.multiselect(options=[1, 2, 3], value=[2])
    airports = mo.ui.multiselect({"Kennedy": "JFK", "La Guardia": "LGA"}, value=["Kennedy"])
    none = mo.ui.multiselect(["x", "y"])
    mo.hstack([carriers, months, airports, none])
    return (airports, carriers, months, none)


@app.cell
def _(airports, carriers, months, none):
    flights = wb.source("flights")
    rows = flights.filter(flights.month.isin(months.value))
    rows = rows.filter(rows.carrier.isin(carriers.value), ~rows.origin.isin(airports.value))
    wb.output("chosen", rows.mutate(first=ibis.literal("".join([*carriers.value, *none.value]))))
    return


if __name__ == "__main__":
    app.run()
