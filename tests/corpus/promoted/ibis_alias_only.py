import marimo

__generated_with = "0.25.2"
app = marimo.App()

@app.cell
def _():
    import ibis as ib
    import workbench as wb
    return


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    wb.output("late", flights.filter(ib._.dep_delay > 15))
    return


if __name__ == "__main__":
    app.run()
