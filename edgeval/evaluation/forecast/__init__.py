"""Forecasts: what a run will take, before the wait and in the course of it."""
