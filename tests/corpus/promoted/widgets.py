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
    carrier = mo.ui.dropdown(["all", "UA", "AA"], value="all", label="Carrier")
    origin = mo.ui.dropdown({"Kennedy": "JFK", "La Guardia": "LGA"}, value="Kennedy")
    delay = mo.ui.slider(0, 240, value=15, step=5)
    speed = mo.ui.number(start=0.0, stop=10.0, value=1.5)
    only_late = mo.ui.checkbox(value=True)
    exact = mo.ui.switch()
    name = mo.ui.text(value="x")
    kind = mo.ui.radio(["a", "b"], value="b")
    day = mo.ui.date(value="2013-01-01")
    steps = mo.ui.slider(steps=[1, 10, 100], value=10)
    mo.vstack([carrier, origin, delay, speed, only_late, exact, name, kind, day, steps])
    return


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    rows = flights.filter(flights.origin == origin.value, flights.day >= day.value, flights.dep_delay > delay.value * speed.value)
    if carrier.value != "all":
        rows = rows.filter(rows.carrier == carrier.value)
    if only_late.value and not exact.value:
        rows = rows.mutate(kind=ibis.literal(kind.value), name=ibis.literal(name.value))
    wb.output("chosen", rows.filter(rows.dep_delay < steps.value * 1000).order_by("day"))
    return


if __name__ == "__main__":
    app.run()
