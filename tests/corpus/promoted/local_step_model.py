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
    import smoothing
    return


@app.cell
def _():
    @wb.model(key=["origin"])
    @wb.local(schema={"origin": "string", "middle": "float64"})
    def middle_delay(rows):
        """The median delay of each airport."""
        return smoothing.middle(rows)
    return


@app.cell
def _():
    middle = middle_delay(flights.filter(flights.dep_delay > 0))
    return


@app.cell
def _():
    middle
    return


if __name__ == "__main__":
    app.run()
