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
    planes = wb.source("planes")
    flights = wb.source("flights")
    return


@app.cell
def _():
    chain = mo.sql("""
        WITH RECURSIVE steps(n) AS (SELECT 0 UNION ALL SELECT n + 60 FROM steps WHERE n < 180)
        SELECT n AS least, count(*) AS legs FROM steps JOIN flights ON dep_delay >= n GROUP BY n
    """)
    return


@app.cell
def _():
    wb.output("legs_by_delay", ibis.memtable(chain), key=["least"])
    return


@app.cell
def _():
    named = wb.sql(
        """
        WITH big AS (SELECT * FROM planes WHERE seats > 200), planes2 AS (SELECT * FROM big)
        SELECT tailnum, seats FROM planes2 WHERE EXISTS (WITH flights AS (SELECT 1) SELECT * FROM flights)
        """,
        planes=planes,
    )
    wb.output("big_planes", named, key=["tailnum"])
    return


if __name__ == "__main__":
    app.run()
