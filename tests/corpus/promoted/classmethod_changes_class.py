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
    class C:
        n = 0
        @classmethod
        def up(cls):
            cls.n += 10
            return cls.n
    C.up()
    C.up()
    return


@app.cell
def _():
    wb.output("o1", flights.filter(flights.dep_delay > C.n))
    return


if __name__ == "__main__":
    app.run()
