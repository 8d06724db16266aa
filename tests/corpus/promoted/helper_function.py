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
    def is_late(delay, limit=15):
        """Whether a departure is late; cancelled flights are not."""
        # cancelled flights have no delay
        return (delay > limit).fill_null(False)
    return


@app.cell
def _():
    flights = wb.source("flights")
    return


@app.cell
def _():
    wb.output("late", flights.filter(is_late(flights.dep_delay)))
    return


if __name__ == "__main__":
    app.run()
