"""Sums of products of splines on few of many coordinates each."""
