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
    columns = ["dep_delay", "arr_delay"]
    return


@app.cell
def _():
    wb.output("means", flights.aggregate([flights[c].mean().name(f"mean_{c}") for c in columns]))
    return


if __name__ == "__main__":
    app.run()
