"""Names under which earlier versions stored classes and fields of a state, and the names that they have now."""

CLASSES = {
    "Best": "BestLevel",
    "ComposedState": "CompositionState",
    "Descent": "MinimisationRestart",
    "Halved": "MarkedPiece",
    "Minimised": "MinimisationResult",
    "Newton": "NewtonState",
    "Run": "SlabHistory",
    "Trained": "SlabTraining",
    "TurnedField": "PermutedField",
}

#: By the present name of the class.
FIELDS = {
    "Aim": {
        "late": "last_attempt",
        "more": "extra_degrees",
        "doubts": "vain_enrichments",
    },
    "BlocksState": {
        "start": "linearised_at",
        "why": "choice_reason",
    },
    "CompositionState": {
        "loss": "initial_loss",
        "after": "final_loss",
        "grown": "growths",
    },
    "Coordinates": {
        "bend": "warp_coefficients",
    },
    "DeepState": {
        "before": "previous_training",
        "done": "results",
        "descent": "restart",
        "swept": "new_field",
        "trained": "new_training",
    },
    "Edge": {
        "ends": "level_ends",
    },
    "FittedAim": {
        "since": "attempts_since_best",
    },
    "FittedState": {
        "before": "previous_field",
        "shown": "previous_estimate",
        "is_held": "has_fixed_coordinates",
        "unsettled": "unconverged_reason",
    },
    "LevelsState": {
        "own": "family_state",
        "initial": "initial_field",
        "own_levels": "family_levels",
        "own_history": "family_history",
        "shown": "previous_field",
        "shown_error": "previous_error",
        "words": "network_words",
        "beside": "competitor",
        "elsewhere": "has_alternative_start",
    },
    "LocalTolerance": {
        "largest": "scale",
    },
    "MarchState": {
        "number": "pass_number",
        "local": "local_tolerance",
        "run": "slab_history",
        "stops": "required_ends",
        "initial": "initial_piece",
        "until": "initial_end",
        "falling": "stability_details",
        "switched": "switch_error",
        "later": "end_moves",
    },
    "MarkedPiece": {
        "length": "marked_length",
    },
    "NewtonState": {
        "previous": "previous_size",
    },
    "ProductState": {
        "unsolved": "data_residual",
        "linear": "linear_solver",
        "null": "near_null",
        "halved": "marked_piece",
        "step": "correction",
    },
    "SeparableState": {
        "wanted": "target_products",
        "number": "level",
        "hint": "next_product",
        "before": "previous_estimate",
    },
    "SlabHistory": {
        "errors": "error_pieces",
        "squares": "squared_norms",
        "error_squares": "squared_error_norms",
        "true": "true_squared_norms",
        "rounding": "squared_rounding_integral",
        "least": "squared_norm_floor",
        "roots": "error_rms",
        "carried": "carried_rms",
        "bendings": "curvature_shares",
        "standing": "persistent_errors",
    },
}


def present_names(kind: str, content: dict[str, object]) -> tuple[str, dict[str, object]]:
    """The present name of a stored class, and its stored fields by their present names."""
    now = CLASSES.get(kind, kind)
    fields = FIELDS.get(now, {})
    return now, {fields.get(name, name): part for name, part in content.items()}
