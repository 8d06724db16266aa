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
            self.names = ["origin"]

        def take(self, name):
            self.names.append(name)
            return self

        def count(self):
            return len(self.names)

    picked = Picked()
    picked.take("dep_delay")
    picked.count()
    picked.names.append("arr_delay")
    return


@app.cell
def _():
    wb.output("picked_columns", flights.select(picked.names))
    return


if __name__ == "__main__":
    app.run()
