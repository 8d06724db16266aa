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
    class Conf:
        cols = ['day']
        def add(self, c):
            self.cols.append(c)
    c1 = Conf()
    c1.add('origin')
    c2 = Conf()
    return


@app.cell
def _():
    wb.output("o1", flights.select(c2.cols))
    return


if __name__ == "__main__":
    app.run()
