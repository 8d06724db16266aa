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
    total = flights.dep_delay
    total += flights.arr_delay
    total /= 2
    return


@app.cell
def _():
    wb.output("totals", flights.select("origin", total=total))
    return


if __name__ == "__main__":
    app.run()
