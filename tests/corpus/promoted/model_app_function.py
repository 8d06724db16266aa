import marimo

__generated_with = "0.25.2"
app = marimo.App()

with app.setup:
    import ibis
    import marimo as mo
    import workbench as wb


@app.function
@wb.model("late")
def late_rows(flights):
    return flights.filter(flights.dep_delay > 15)


@app.cell
def _():
    flights = wb.source("flights")
    late_rows(flights)
    return


if __name__ == "__main__":
    app.run()
