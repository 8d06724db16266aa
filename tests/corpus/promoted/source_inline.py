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
    wb.output("joined", wb.source("flights").join(wb.source("planes"), "tailnum").select("tailnum", "seats"))
    return


if __name__ == "__main__":
    app.run()
