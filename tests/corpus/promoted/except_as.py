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
    try:
        limit_ = int("fifteen")
    except ValueError as error:
        limit_ = len(str(error)) * 0 + 15
    return


@app.cell
def _():
    wb.output("late", flights.filter(flights.dep_delay > limit_))
    return


if __name__ == "__main__":
    app.run()
