"""The report of a plan."""

import math

import numpy

from provenance import annotate
from report_page import (aligned_rows, dollars, gpu_count, number, percent, seconds, table_html,
                         tiles_html, whole_dollars)
from results import LATENCIES, text

RESOURCES = {
    "kv_memory": "KV memory",
    "max_sequences": "the engine's max_sequences",
    "compute": "the GPUs' compute",
    "collectives": "collectives between GPUs",
    "step_length": "the length of a step",
    "none": "nothing that is full: none is served",
}

OUTCOMES = {
    "meets": "meets the SLO",
    "unproven": "may meet the SLO, which more seeds, or a longer trace, would show",
    "too_short": "may meet the SLO, which longer runs would show",
    "misses": "misses the SLO",
    "saturated": "cannot serve the load",
    "failed": "cannot run",
}

FIGURES = {"ttft": "TTFT", "tpot": "TPOT", "throughput": "throughput", "refused": "refusals"}

# Options further below the SLO than this are not drawn: what matters is who comes near.
MARGIN_MIN = -1.0


def cut_name(row):
    """TP=4 x PP=2, EP=4"""
    pipeline = f" x PP={row['pipeline_parallel']}" if row["pipeline_parallel"] > 1 else ""
    experts = f", EP={row['expert_parallel']}" if row["expert_parallel"] > 1 else ""
    return f"TP={row['tensor_parallel']}{pipeline}{experts}"


def layout_name(row):
    """4 x TP=4 on hgx-h100"""
    return f"{row['replicas']} x {cut_name(row)} on {text(row['kind'])}"


def nodes_name(row):
    return f"{row['nodes']} node" + ("s" if row["nodes"] != 1 else "")


def slo_words(plan):
    bounds = " and ".join(f"{name.upper()} {seconds(bound)}" for name, bound in plan.slo_s.items())
    return f"{bounds} at p{plan.summary['slo.percentile']:g}"


def traffic_words(plan):
    rate, in_flight = plan.summary["requests_per_s"], int(plan.summary["concurrency"])
    loads = [f"{number(rate)} requests/s"] * math.isfinite(rate)
    if in_flight > 0:
        loads.append(f"{in_flight:,} request{'s' if in_flight != 1 else ''} in flight")
    return (f"{', '.join(loads) or 'the traffic'} of {number(plan.summary['input_tokens'])} tokens "
            f"in and {number(plan.summary['output_tokens'])} out")


def growth_words(plan):
    """How many times the scenario's load that is, which requests in flight need not be exactly."""
    growth = plan.summary["growth"]
    return (f"growth {growth:g}, in whole requests" if plan.summary["concurrency"] > 0
            else f"{growth:g} times the scenario's load")


def answer(plan):
    if len(plan.ranked) == 0:
        words = plan.summary["obstacles"] or "there is nothing to choose from"
        return (f"Nothing within the limits serves {traffic_words(plan)} within {slo_words(plan)}: "
                f"of {len(plan.candidates)} candidates {words}.")
    best, *others = plan.ranked
    verb = "Buy" if best["purchase_usd"] > 0 else "Rent"
    words = (f"{verb} {gpu_count(best['billed_gpus'])}: {layout_name(best)} ({nodes_name(best)}) "
             f"serves {traffic_words(plan)} within {slo_words(plan)} for "
             f"{dollars(best['usd_per_hour'])} an hour")
    if others:
        more = others[0]["usd_per_hour"] / best["usd_per_hour"] - 1
        words += (f"; next is {layout_name(others[0])}, "
                  + (f"{percent(more)} dearer" if more > 0 else "at the same price"))
    return words + "."


def free_share(row, name, bound):
    if not math.isfinite(row[f"{name}_s"]):
        return "none was seen"  # single tokens have no TPOT
    return percent(1 - row[f"{name}_s"] / bound) + " of it free"


def breaks_at(plan, rank):
    """The first row of the growth that is known not to meet the SLO, and the last load before it
    that does."""
    holds = 1.0
    for row in plan.growth_of(rank):
        if row["outcome"] == b"meets":
            holds = row["load"]
        elif row["outcome"] != b"too_short":
            return row, holds
    return None, holds


def untold_words(plan, rank):
    """`1.25 to 1.5 not known`, or "", of the growth up to which a ranked plan holds."""
    row, holds = breaks_at(plan, rank)
    loads = plan.growth_of(rank)["load"]
    if row is None:
        return "not known beyond" * bool(loads.max() > holds)
    untold = ((loads > holds) & (loads < row["load"])).any()
    return f"{holds:.2f} to {row['load']:.2f} not known" * bool(untold)


def place_words(row):
    """`2 nodes, 1 rack`; racks where they are counted."""
    several = "s" if row["racks"] != 1 else ""
    return nodes_name(row) + f", {row['racks']} rack{several}" * bool(row["racks"] > 0)


def joined(*words):
    return "; ".join(filter(None, words))


def headline(plan):
    best = plan.ranked[0]
    per_million = best["usd_per_million_output_tokens"]
    _, holds = breaks_at(plan, 1)
    tiles = [("GPUs", f"{best['billed_gpus']}", f"{best['gpus']} in use, {place_words(best)}"),
             ("an hour", dollars(best["usd_per_hour"]),
              f"{dollars(per_million)} a million output tokens")]
    if best["purchase_usd"] > 0:
        tiles.append(("to buy", whole_dollars(best["purchase_usd"]),
                      f"an hour's price is of {plan.summary['ownership_years']:g} years, with "
                      f"electricity at {plan.summary['usd_per_kwh']:g} USD/kWh"))
    if math.isfinite(best["power_w"]):
        tiles.append(("on average", f"{number(best['power_w'] / 1000)} kW",
                      f"{number(best['wh_per_million_output_tokens'])} Wh a million output tokens"))
    for name, bound in plan.slo_s.items():
        tiles.append((f"{name.upper()} p{plan.summary['slo.percentile']:g}",
                      seconds(best[f"{name}_s"]), free_share(best, name, bound)))
    tiles.append(("growth", f"× {holds:.2f}",
                  joined("up to this traffic it holds", untold_words(plan, 1))))
    return tiles_html(tiles)


def break_words(plan, rank):
    """What gives way first, at what load."""
    row, holds = breaks_at(plan, rank)
    untold = untold_words(plan, rank)
    if row is None:
        return ", ".join(filter(None, [f"holds up to {holds:.2f} times", untold]))
    fails = row["load"]
    figure = FIGURES.get(text(row["figure"]))
    words = (f"{figure} at {fails:.2f} times, by {RESOURCES[text(row['resource'])]}" if figure
             else f"{OUTCOMES[text(row['outcome'])]} at {fails:.2f} times")
    return joined(words, untold)


def node_lost_words(plan, row):
    lost = plan.node_lost(row["rank"])
    if lost["replicas"] == 0:
        return "nothing is left"
    if lost["replicas"] == row["replicas"]:
        return "all replicas fit on the others"
    several = "s" if lost["replicas"] != 1 else ""
    return f"{lost['replicas']} replica{several}: {OUTCOMES[text(lost['outcome'])]}"


def ranked_section(page, plan):
    best_usd = plan.ranked[0]["usd_per_hour"]
    has_racks = bool((plan.ranked["racks"] > 0).any())
    is_bought = bool((plan.ranked["purchase_usd"] > 0).any())
    rows = []
    for row in plan.ranked:
        bought = whole_dollars(row["purchase_usd"]) if row["purchase_usd"] > 0 else "rented"
        against_best = f"{100 * (row['usd_per_hour'] / best_usd - 1):+.0f}%"
        rows.append((layout_name(row), text(row["engine"]), f"{row['billed_gpus']}",
                     *[f"{row['racks']}"] * has_racks, *[bought] * is_bought,
                     dollars(row["usd_per_hour"]), against_best,
                     dollars(row["usd_per_million_output_tokens"]),
                     number(row["wh_per_million_output_tokens"]), seconds(row["ttft_s"]),
                     seconds(row["tpot_s"]), percent(row["margin"])))
    header = ("plan", "engine", "GPUs", *["racks"] * has_racks, *["to buy"] * is_bought, "an hour",
              "against the best", "$ per million", "Wh per million", "TTFT", "TPOT", "headroom")
    page.section("The plans that meet it", table_html(header, rows, css="plans"),
                 "The cheapest first; of equals the one with fewer GPUs, then the one that stands the "
                 "most growth. Headroom is what is free of the tighter bound at the upper end of the "
                 "95% interval; the engine of each layout is the one with most.")


def stress_section(page, plan):
    rows = [(layout_name(row), break_words(plan, row["rank"]), node_lost_words(plan, row))
            for row in plan.ranked]
    body = table_html(("plan", "breaks first", "with a node lost"), rows, css="texts wrap")
    curves = [plan.growth_of(row["rank"]) for row in plan.ranked]
    # What does not keep up has no latency but how long one looked; what may not, a gap.
    curves = [curve[curve["outcome"] != b"saturated"] for curve in curves]
    rate = plan.summary["requests_per_s"]
    scale, unit = (rate, "requests/s") if math.isfinite(rate) else (1, "times")
    body += page.chart_html(
        title="Latency as traffic grows", points=True,
        x={"label": "offered load", "unit": unit},
        series=[layout_name(row) for row in plan.ranked],
        views=[{"name": f"{name.upper()} p{plan.summary['slo.percentile']:g}", "unit": "s",
                "log": True,
                "rows": aligned_rows([curve["load"] * scale for curve in curves],
                                     [numpy.where(curve["outcome"] == b"too_short", numpy.nan,
                                                  curve[f"{name}_s"]) for curve in curves]),
                "bounds": [{"at": bound * (1 - plan.summary["headroom"]),
                            "label": f"SLO less {percent(plan.summary['headroom'])}:"}]}
               for name, bound in plan.slo_s.items()])
    page.section("What breaks first", body,
                 "Each plan under more and more of the same traffic, and at today's with one node "
                 "less. Lines end where a plan no longer keeps up, and have gaps where its runs "
                 "are too short to tell whether it does.")


def cost_section(page, plan):
    """Cost against headroom of every option that was run at the plan's traffic and kept up."""
    trials = plan.trials
    trials = trials[(trials["load"] == 1) & numpy.isfinite(trials["margin"])
                    & (trials["margin"] > MARGIN_MIN) & numpy.isfinite(trials["usd_per_hour"])]
    if len(trials) == 0:
        return
    kinds = [kind for kind in dict.fromkeys(plan.candidates["kind"]) if kind in trials["kind"]]
    of_kind = [trials[trials["kind"] == kind] for kind in kinds]
    # One point a price and kind: the option with most headroom for the money.
    best = [[rows[rows["usd_per_hour"] == usd]["margin"].max()
             for usd in numpy.unique(rows["usd_per_hour"])] for rows in of_kind]
    chart = page.chart_html(
        title="Headroom against cost", scatter=True, x={"label": "USD an hour", "unit": ""},
        series=[text(kind) for kind in kinds],
        views=[{"name": "headroom", "unit": "%", "signed": True,
                "rows": aligned_rows([numpy.unique(rows["usd_per_hour"]) for rows in of_kind],
                                     [100 * numpy.array(margins) for margins in best]),
                "bounds": [{"at": 100 * plan.summary["headroom"], "label": "asked:",
                            "unit": "%"}]}])
    page.section("What headroom costs", chart,
                 "Every price that was tried and kept up with the load, with the option that has "
                 "most headroom for it: what is free of the tighter bound at the upper end of the "
                 "95% interval. What decides is the share of requests within the SLO: near the "
                 "line, points of either side may meet it. What cannot keep up is not here.")


def candidates_words(plan):
    """How many candidates there were, and what became of them."""
    states = plan.candidates["state"]
    fates = [plan.summary["obstacles"],
             *(f"{(states == state).sum()} {words}" for state, words in (
                 (b"dearer", "are no cheaper than the best"), (b"meets", "meet it"))
               if (states == state).any())]
    return f"Of {len(states)} candidates {', '.join(filter(None, fates))}."


def others_section(page, plan):
    rows = []
    for row in plan.candidates[plan.candidates["rank"] == 0]:
        if row["state"] == b"ruled_out":
            why = text(row["why"])
        elif row["state"] == b"meets":
            why = f"meets it at {dollars(row['usd_per_hour'])} an hour"
        else:
            why = f"no cheaper than {dollars(row['usd_per_hour'])} an hour"
        rows.append((f"{cut_name(row)} on {text(row['kind'])}", text(row["engine"]), why))
    if not rows:
        return
    table = table_html(("candidate", "engine", "why not"), rows, css="texts wrap")
    page.section("Why not the others",
                 f"<details><summary>Show all {len(rows)}</summary>{table}</details>",
                 candidates_words(plan))


def assumption_rows(plan):
    summary = plan.summary
    yield "traffic", f"{traffic_words(plan)}, {growth_words(plan)}"
    yield "objective", (f"{slo_words(plan)}, with {percent(summary['headroom'])} headroom; latencies "
                        + ", ".join(f"{name.upper()}: {LATENCIES[name]}" for name in plan.slo_s))
    yield "confidence", (f"{summary['seeds']:g} seed{'s' if summary['seeds'] != 1 else ''}, batch means, Student's t interval at 95%, "
                         "of a share Wilson's where that is wider: a plan counts only where the "
                         "share of requests within the SLO less the headroom is no less than "
                         f"{summary['slo.percentile']:g}% at the interval's lower end")
    yield "cost", ("rented: the GPU's price and hour, electricity in it; bought: straight-line over "
                   f"{summary['ownership_years']:g} years and {summary['usd_per_kwh']:g} USD/kWh"
                   if summary["ownership_years"] > 0 else
                   "rented: the GPU's price and hour, electricity in it")
    yield "energy", ("GPUs draw idle power, and up to board power for the share of time in which "
                     "they work (Fan, Weber and Barroso, ISCA 2007); "
                     f"power usage effectiveness {summary['pue']:g}")
    yield "search", (f"{len(plan.candidates)} candidates, {summary['runs']:g} "
                     f"run{'s' if summary['runs'] != 1 else ''}; more replicas are taken never to be worse")


def warnings_of(plan):
    count = int(plan.summary["untold"])
    uncapped = plan.summary["uncapped"]
    capped = [("power_limit", f"prompts may take longer on {uncapped}: their GPUs' power limit is not "
                              "counted, that of the others is")] if uncapped else []
    if count == 0:
        return capped
    cost = " that cost no more than the best" if len(plan.ranked) else ""
    return [("too_short", f"options{cost} of which the runs were too short to tell: {count}; runs of "
                          f"about {number(plan.summary['requests_to_tell'])} requests would"), *capped]


def fill(page, plan):
    """Fills in the page."""
    page.title = plan.name
    page.footer = f"tandem {plan.version}"
    page.subtitle = answer(plan)
    if len(plan.ranked):
        page.sections.append(headline(plan))
    page.warnings(warnings_of(plan))
    if len(plan.ranked):
        ranked_section(page, plan)
        stress_section(page, plan)
    cost_section(page, plan)
    others_section(page, plan)
    page.section("How it was found", table_html(("", ""), assumption_rows(plan), css="facts wrap"))
    page.provenance([(line, "") for line in plan.text.splitlines()], "What was asked",
                    "The plan's file as it was read.")
    if plan.scenario.text:
        page.provenance(annotate(plan.scenario), "Assumptions and where they come from",
                        "The best plan as a scenario that `tandem run` reads, each value beside its "
                        "source in the shipped configs. Values without one are the plan's own.")
