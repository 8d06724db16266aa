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
    def make():
        n = 0
        def up():
            nonlocal n
            n += 10
            return n
        return up
    up = make()
    return


@app.cell
def _():
    a = up()
    return


@app.cell
def _():
    b = up()
    return


@app.cell
def _():
    wb.output("o1", flights.filter(flights.dep_delay > b))
    return


if __name__ == "__main__":
    app.run()
