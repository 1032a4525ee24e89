"""How much rows weigh: equations of a system on small cells, all rows near places where conditions change."""
