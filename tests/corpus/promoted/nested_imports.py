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
    def mean(values):
        import statistics

        return statistics.mean(values)
    return


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    wb.output("late", flights.filter(flights.dep_delay > mean([10, 20])))
    return


if __name__ == "__main__":
    app.run()
