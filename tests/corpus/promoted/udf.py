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
    @ibis.udf.scalar.python
    def half(x: int) -> float:
        return x / 2
    return


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    wb.output("halves", flights.mutate(half_delay=half(flights.dep_delay)).select("origin", "half_delay"))
    return


if __name__ == "__main__":
    app.run()
