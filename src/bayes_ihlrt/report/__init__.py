"""Floor 7: results as tables, sentences, figures and files. Names load on first use."""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt.plain import json_text as json_text
    from bayes_ihlrt.report.check_table import print_check as print_check
    from bayes_ihlrt.report.checks_table import print_diagnosis as print_diagnosis
    from bayes_ihlrt.report.checks_table import write_diagnosis as write_diagnosis
    from bayes_ihlrt.report.consoles import PlainConsole as PlainConsole
    from bayes_ihlrt.report.exports import write_exports as write_exports
    from bayes_ihlrt.report.folder import check_folder as check_folder
    from bayes_ihlrt.report.html import write_report as write_report
    from bayes_ihlrt.report.inputs import read_results as read_results
    from bayes_ihlrt.report.ladder_table import print_ladder as print_ladder
    from bayes_ihlrt.report.ladder_table import write_ladder as write_ladder
    from bayes_ihlrt.report.plan_table import TrialProgress as TrialProgress
    from bayes_ihlrt.report.plan_table import check_plan_folder as check_plan_folder
    from bayes_ihlrt.report.plan_table import print_plan as print_plan
    from bayes_ihlrt.report.plan_table import write_plan as write_plan
    from bayes_ihlrt.report.progress import Stages as Stages
    from bayes_ihlrt.report.replay_table import draw_replay as draw_replay
    from bayes_ihlrt.report.replay_table import print_replay as print_replay
    from bayes_ihlrt.report.sensitivity_page import print_sensitivity as print_sensitivity
    from bayes_ihlrt.report.sensitivity_page import write_sensitivity as write_sensitivity
    from bayes_ihlrt.report.terminal import print_fit as print_fit
    from bayes_ihlrt.report.words import summary_sentences as summary_sentences
    from bayes_ihlrt.report.writing import write_fit as write_fit
else:
    _NAMES = {
        "json_text": "bayes_ihlrt.plain",
        "print_check": "bayes_ihlrt.report.check_table",
        "print_diagnosis": "bayes_ihlrt.report.checks_table",
        "write_diagnosis": "bayes_ihlrt.report.checks_table",
        "PlainConsole": "bayes_ihlrt.report.consoles",
        "write_exports": "bayes_ihlrt.report.exports",
        "check_folder": "bayes_ihlrt.report.folder",
        "write_report": "bayes_ihlrt.report.html",
        "read_results": "bayes_ihlrt.report.inputs",
        "print_ladder": "bayes_ihlrt.report.ladder_table",
        "write_ladder": "bayes_ihlrt.report.ladder_table",
        "Stages": "bayes_ihlrt.report.progress",
        "print_sensitivity": "bayes_ihlrt.report.sensitivity_page",
        "write_sensitivity": "bayes_ihlrt.report.sensitivity_page",
        "print_fit": "bayes_ihlrt.report.terminal",
        "summary_sentences": "bayes_ihlrt.report.words",
        "write_fit": "bayes_ihlrt.report.writing",
        "TrialProgress": "bayes_ihlrt.report.plan_table",
        "check_plan_folder": "bayes_ihlrt.report.plan_table",
        "print_plan": "bayes_ihlrt.report.plan_table",
        "write_plan": "bayes_ihlrt.report.plan_table",
        "draw_replay": "bayes_ihlrt.report.replay_table",
        "print_replay": "bayes_ihlrt.report.replay_table",
    }
    __all__ = list(_NAMES)
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
