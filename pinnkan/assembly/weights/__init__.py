"""How much rows weigh: conditions, equations of a system on small cells, rows near places where conditions change."""
