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
        v = 5
        v = int('x')
    except ValueError as e:
        v = 10
    finally:
        v = v + 5
    return


@app.cell
def _():
    wb.output("o1", flights.filter(flights.dep_delay > v))
    return


if __name__ == "__main__":
    app.run()
