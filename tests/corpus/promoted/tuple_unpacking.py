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
    return


@app.cell
def _():
    jfk, (lga, *others) = flights.filter(flights.origin == "JFK"), (flights.filter(flights.origin == "LGA"), 1, 2)
    return


@app.cell
def _():
    wb.output("two", jfk.union(lga))
    return


if __name__ == "__main__":
    app.run()
