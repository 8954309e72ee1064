"""History on its way out: whole histories as Parquet, CSV and JSON lines, in pieces and in bounded memory."""
