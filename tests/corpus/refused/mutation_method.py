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
    class Picked:
        def __init__(self):
            self.names = []

        def take(self, name):
            self.names.append(name)

    picked = Picked()
    return


@app.cell
def _():
    picked.take("origin")
    return


@app.cell
def _():
    rows = flights.select(picked.names)
    return


@app.cell
def _():
    wb.output("late", rows)
    return


if __name__ == "__main__":
    app.run()
