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
    from dataclasses import dataclass
    return


@app.cell
def _():
    @dataclass(frozen=True)
    class Band:
        low: int
        high: int

        def holds(self, column):
            return column.between(self.low, self.high)
    return


@app.cell
def _():
    BANDS = {"short": Band(0, 30), "long": Band(31, 600)}
    return


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    wb.output("bands", flights.filter(BANDS["short"].holds(flights.dep_delay)))
    return


if __name__ == "__main__":
    app.run()
