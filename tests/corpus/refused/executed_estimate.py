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
    total = wb.estimate(flights.count())
    share = 100 / total.result().figures[0].estimate
    return


@app.cell
def _():
    wb.output("late", flights.group_by("origin").agg(share=ibis._.count() * share))
    return


if __name__ == "__main__":
    app.run()
