"""Networks with trained inner layers."""
