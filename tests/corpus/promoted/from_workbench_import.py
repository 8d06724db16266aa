import marimo

__generated_with = "0.25.2"
app = marimo.App()

@app.cell
def _():
    from workbench import output, param, source
    return


@app.cell
def _():
    flights = source("flights")
    min_delay = param("min_delay", 15)
    return


@app.cell
def _():
    output("late", flights.filter(flights.dep_delay > min_delay.value))
    return


if __name__ == "__main__":
    app.run()
