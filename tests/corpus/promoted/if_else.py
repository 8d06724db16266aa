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
    flights = wb.source("flights")
    carrier = mo.ui.dropdown(["all", "UA"], value="all")
    return


@app.cell
def _():
    if carrier.value == "all":
        rows = flights
    else:
        rows = flights.filter(flights.carrier == carrier.value)
    wb.output("chosen", rows)
    return


if __name__ == "__main__":
    app.run()
