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
    ORIGINS = ["JFK", "LGA"]
    return


@app.cell
def _():
    ORIGINS.append("EWR")
    return


@app.cell
def _():
    flights = wb.source("flights")
    origin = mo.ui.dropdown(ORIGINS, value="JFK", label="airport")
    return


@app.cell
def _():
    wb.output("chosen", flights.filter(flights.origin == origin.value))
    return


if __name__ == "__main__":
    app.run()
