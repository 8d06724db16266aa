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
    from workbench import local
    return


@app.cell
def _():
    flights, planes = wb.source("flights"), wb.source("planes")
    return


@app.cell
def _():
    @local(schema={"origin": "string", "legs": "int64", "share": "decimal(9, 4)"}, frames="polars")
    def shares(rows):
        import polars as pl

        counted = rows.group_by("origin").agg(legs=pl.len().cast(pl.Int64)).sort("origin")
        return counted.with_columns(share=(pl.col("legs") / pl.col("legs").sum()).round(4))

    class Pivot:
        """Helps the step below alone."""

        def __init__(self, table):
            self.rows = table.to_pylist()

        def by(self, name):
            found = {}
            for row in self.rows:
                found[row[name]] = found.get(row[name], 0) + 1
            return found

    @local(schema={"seats": "int64", "planes": "int64"}, frames="pyarrow")
    def sizes(table, other):
        import pyarrow as pa

        counted = Pivot(table).by("seats")
        kept = {key: value for key, value in counted.items() if key is not None and key <= other.num_rows}
        return pa.table({"seats": list(kept), "planes": list(kept.values())})
    return


@app.cell
def _():
    wb.output("shares_of_airports", shares(flights.filter(flights.dep_delay.notnull())), key=["origin"])
    wb.output("sizes_of_planes", sizes(planes, other=flights), key=["seats"])
    return


if __name__ == "__main__":
    app.run()
