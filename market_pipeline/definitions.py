"""The front door: one Definitions object, put together from the settings.

`build_defs` is the composition root; tests call it with resources of their own.
"""

from collections.abc import Mapping

import dagster as dg

from market_pipeline.assets import (
    companies,
    factors,
    headlines,
    impact,
    intraday,
    metrics,
    onboarding,
    option_contracts,
    option_values,
    options,
    prices,
    report,
    risk,
    snapshots,
    universe,
)
from market_pipeline.assets.books import portfolio_books
from market_pipeline.automation import (
    alerting,
    catch_up,
    cleanup,
    intraday_clock,
    jobs,
    operation_alerts,
    retries,
    run_history,
    schedules,
    sensors,
)
from market_pipeline.checks import all_checks
from market_pipeline.domain.sessions import TradingCalendar
from market_pipeline.partitions import calendar_days, trading_sessions
from market_pipeline.resources import resources_of, utc_now
from market_pipeline.settings import Settings, current_settings


def build_defs(
    settings: Settings | None = None, resources: Mapping[str, object] | None = None
) -> dg.Definitions:
    """Put assets, checks, jobs, schedules, sensors and resources together.

    `resources` replaces resources by name, such as a vendor by a fake.
    """
    settings = settings or current_settings()
    calendar = TradingCalendar.xnys(settings.extra_closures)
    sessions = trading_sessions(settings.first_session, settings.extra_closures)
    days = calendar_days(settings.first_session)
    session_job, news_job = jobs.session_job(sessions), jobs.news_job(days)
    price_job, intraday_job = jobs.price_job(sessions), jobs.intraday_job(days)
    checks = all_checks()
    check_keys = [key for each in checks for key in each.check_keys]
    cleanup_job = cleanup.news_cleanup_job()
    is_on = settings.automation == "on"
    clock_status = dg.DefaultScheduleStatus.RUNNING if is_on else dg.DefaultScheduleStatus.STOPPED
    event_status = dg.DefaultSensorStatus.RUNNING if is_on else dg.DefaultSensorStatus.STOPPED
    return dg.Definitions(
        assets=[
            portfolio_books,
            companies.define_profiles(sessions),
            universe.define(sessions),
            companies.define_fundamentals(sessions),
            prices.define_bars(sessions),
            option_contracts.define(sessions),
            options.define(sessions),
            intraday.define(days),
            option_values.define(sessions),
            prices.define_market_data(sessions),
            factors.define(sessions, settings.definitions),
            metrics.define(sessions),
            snapshots.define(sessions),
            risk.define(sessions),
            onboarding.define(sessions),
            headlines.define_finviz(days),
            headlines.define_wire(days),
            headlines.define(days),
            impact.define(sessions),
            report.define(sessions),
        ],
        asset_checks=checks,
        jobs=[session_job, price_job, news_job, intraday_job, cleanup_job],
        schedules=[
            schedules.price_refresh(
                price_job, calendar, clock_status, settings.price_refresh_at_utc
            ),
            schedules.daily_graph(session_job, calendar, clock_status, settings.daily_run_at_utc),
            intraday_clock.hourly_bars(
                intraday_job, calendar, clock_status, settings.intraday_delay_minutes
            ),
            schedules.headline_collection(news_job, calendar, clock_status),
            schedules.news_cleanup(cleanup_job, clock_status),
        ],
        sensors=[
            sensors.portfolio_inbox(session_job, calendar, event_status),
            sensors.automation_conditions(event_status),
            alerting.notices(event_status),
            run_history.run_history(event_status),
            operation_alerts.operation_alerts(check_keys, event_status),
            catch_up.missed_sessions(
                session_job, calendar, event_status, settings.daily_run_at_utc
            ),
            catch_up.missed_news(news_job, event_status),
            retries.lost_retries(
                [session_job, news_job, intraday_job, price_job], event_status, utc_now
            ),
        ],
        resources={**resources_of(settings), **(resources or {})},
        # A process a step costs seconds each; the jobs and what people pick in the UI do without.
        executor=dg.in_process_executor,
    )


defs = build_defs()
