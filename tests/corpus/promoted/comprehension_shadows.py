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
    c = "origin"
    return


@app.cell
def _():
    wb.output("means", flights.group_by(c).aggregate(**{f"mean_{c}": flights[c].mean() for c in ["dep_delay", "arr_delay"]}), key="origin")
    return


if __name__ == "__main__":
    app.run()
