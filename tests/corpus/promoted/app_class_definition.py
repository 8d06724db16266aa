import marimo

__generated_with = "0.25.2"
app = marimo.App()

with app.setup:
    import ibis
    import marimo as mo
    import workbench as wb


@app.class_definition
class Limits:
    """Minutes."""

    late = 15

    @classmethod
    def is_late(cls, delay):
        return delay > cls.late


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    wb.output("late", flights.filter(Limits.is_late(flights.dep_delay)))
    return


if __name__ == "__main__":
    app.run()
