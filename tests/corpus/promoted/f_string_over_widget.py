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
    delay = mo.ui.slider(0, 240, value=15)
    return


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    label = f"over {delay.value} min, {delay.value:>4} or {delay.value!r}"
    text = f"""
    more than {delay.value}
    minutes, {delay.value + 1}
    """
    wb.output("late", flights.filter(flights.dep_delay > delay.value).mutate(label=ibis.literal(label), text=ibis.literal(text)))
    return


if __name__ == "__main__":
    app.run()
