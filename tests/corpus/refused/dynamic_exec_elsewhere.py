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
    q = [3]
    return


@app.cell
def _():
    exec('q.append(1)')
    return


@app.cell
def _():
    wb.output("o1", flights.filter(flights.dep_delay > sum(q)))
    return


if __name__ == "__main__":
    app.run()
