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
    match carrier.value:
        case "all":
            rows = flights
        case str() as code:
            rows = flights.filter(flights.carrier == code)
    wb.output("chosen", rows)
    return


if __name__ == "__main__":
    app.run()
