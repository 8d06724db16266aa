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
    note = """first
        second, indented
    third"""
    def remark():
        """Doc.

        More.
        """
        return """a
    b"""
    rows = flights.mutate(note=ibis.literal(note), remark=ibis.literal(remark()))
    return


@app.cell
def _():
    wb.output("noted", rows)
    return


if __name__ == "__main__":
    app.run()
